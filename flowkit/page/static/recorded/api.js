// The API of an exported run: its answers come from the data of the file. It acts on nothing, and a
// stream has one event.

import { Refused, address, part } from "../addresses.js";
import { Answers } from "./answers.js";
import { recording } from "./data.js";

export { Refused, address, part };

const answers = new Answers(recording);

/** Return null: there are no files beside this one. */
export const fileAddress = () => null;

/** Read a document. */
export async function get(path, query = {}) {
  return answers.of(path, query);
}

/** Refuse an action. */
export async function act() {
  throw new Refused(403, "ReadOnly", "This is a recording. Use the dashboard or the command line.");
}

/** Return what this page may do: only look. */
export async function whoAmI() {
  return { name: "", csrf: "", acts: false };
}

/** Tell what a stream would tell first. Returns a function that ends it. */
export function follow(path, query, hear) {
  let isOpen = true;
  queueMicrotask(() => {
    if (!isOpen) return;
    let told;
    try {
      told = answers.stream(path, query);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      told = { gone: error.message };
    }
    hear(told);
  });
  return () => {
    isOpen = false;
  };
}
