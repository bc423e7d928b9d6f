// The sentence of an explanation. Pure.

const AGO = /^(The run (?:failed|succeeded|was cancelled)) [\d.,]+ [a-z]+(?: \d+ [a-z]+)? ago/;

/** Return the sentence without how long ago the run ended: a page stays open, and shows that beside it. */
export function ended({ sentence, over }) {
  return over ? sentence.replace(AGO, "$1") : sentence;
}
