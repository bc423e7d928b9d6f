// Times in the file of an exported run: it is when the run was recorded, and a reader may open it
// days later. So times are shown as they are, in the local zone.

import { recording } from "./data.js";

/** Return the time that the answers are of. */
export const now = () => Date.parse(recording.recorded);

/** Return a time as people read it. */
export const shownTime = (time) => new Date(time).toLocaleString();
