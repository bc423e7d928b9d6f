// When it is now, and how a time is shown: as how long ago it was. The file of an exported run has
// `recorded/moments.js` instead, which exports the same names.

import { ago } from "./format.js";

/** Return the time that the answers are of: milliseconds since 1970. */
export const now = () => Date.now();

/** Return a time as people read it. */
export const shownTime = (time) => ago(time, now());
