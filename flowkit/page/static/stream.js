// One live stream: server-sent events, which continue after a cut and stop while the tab is hidden.

import { Refused } from "./addresses.js";

const AGAIN_MS = 5000; // after a refusal; a browser does not try again by itself then
const AWAY = "The dashboard does not answer, so what you see may be old. The page continues when it answers again.";
const LOGGED_OUT = "You are not logged in any more: the session has ended, or the dashboard was started again.";

/** Return what the page says of an error, and whether the reader has to log in. */
export function problemOf(error) {
  if (!(error instanceof Refused)) return { text: AWAY };
  if (error.status === 401) return { text: `${LOGGED_OUT} ${error.message}`, login: true };
  return { text: `${error.message} The page tries again every few seconds.` };
}

/**
 * Follow a stream. `at(cursor)` returns its address; `hear` gets each event. `lost` gets what is
 * wrong, {text, login}, and null when all is well. `why(address)` throws the error with which the
 * server refuses an address. Returns a function that ends it.
 */
export function stream(at, hear, lost, why) {
  let source = null;
  let cursor = null;
  let timer = null;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const take = (event) => {
    cursor = event.lastEventId || cursor;
    const told = JSON.parse(event.data);
    lost(told.trouble ? { text: `${told.trouble} What you see may be old.` } : null);
    if (told.gone) close(); // it would begin again, and say the same
    hear(told);
  };
  const fail = async (failed) => {
    if (failed !== source) return;
    if (failed.readyState !== EventSource.CLOSED) {
      lost({ text: AWAY });
      return;
    }
    try {
      await why(at(cursor));
    } catch (error) {
      if (failed === source) lost(problemOf(error));
    }
    if (failed !== source) return;
    close();
    timer = setTimeout(open, AGAIN_MS);
  };
  const open = () => {
    if (source !== null || document.hidden) return;
    clearTimeout(timer);
    const opened = new EventSource(at(cursor));
    source = opened;
    opened.addEventListener("message", take);
    opened.addEventListener("error", () => fail(opened));
  };
  const change = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", change);
  open();
  return () => {
    document.removeEventListener("visibilitychange", change);
    close();
  };
}
