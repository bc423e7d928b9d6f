// An action after a question, and what became of it.

import { act } from "./api.js";
import { ask } from "./lists.js";
import { copied, say } from "./parts.js";

/**
 * Carry out an action after a question, and tell how it went. Returns whether it was done. `command`:
 * what does the same on the command line.
 */
export async function carryOut({ title, text, verb, path, body, method, done, command }) {
  const same = command ? ["The command for it: ", copied(command)] : null;
  if (!(await ask(title, [text, same], verb))) return false;
  try {
    await act(path, body ?? {}, method ?? "POST");
  } catch (error) {
    say(error.message);
    return false;
  }
  say(done);
  return true;
}
