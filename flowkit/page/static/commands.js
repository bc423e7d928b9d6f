// Commands to copy. What anybody may have named is quoted, so that a shell reads it as one word.

/** Return a word as a POSIX shell needs it. */
export function quoted(word) {
  return /^[A-Za-z0-9_.:@%+=,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
