// Text from outside, as it may be shown. Pure.
//
// Characters that reorder text, are invisible or control a terminal become their escape (`\u202e`),
// by the rule of the command line (flowkit/basics/display_text.py). So a name cannot look like another
// one, or like words of the page. Line ends, tabs and the joiners of scripts and emoji stay.

const HIDDEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;

function escapeOf(character) {
  const code = character.codePointAt(0);
  if (character === "\r") return "\\r";
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

/** Return a text with each hidden character replaced by its escape. */
export const visible = (text) => text.replace(HIDDEN, escapeOf);
