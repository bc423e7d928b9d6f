// The address had the token. It leaves the history before the page opens.
const { root } = document.documentElement.dataset;
const query = new URLSearchParams(location.search);
query.delete("token");
const rest = query.toString();
location.replace(location.pathname.startsWith(root) ? location.pathname + (rest && "?" + rest) : root + "/");
