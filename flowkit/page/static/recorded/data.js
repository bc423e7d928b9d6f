// The recording in this file.

import { read } from "./tables.js";

export const recording = read(document.getElementById("recording").textContent);
