// The reader was let in. The path of the API is kept in the storage of this origin, and the address,
// which may have the token, leaves the history before the page opens.
import { keep } from "./private.js";

const { root, private: path } = document.documentElement.dataset;
keep(root, path);
const there = new URL(location.href);
there.searchParams.delete("token");
location.replace(there);
