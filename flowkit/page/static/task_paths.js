// The addresses of a task: its page, and what the API has of it. Pure.

const inPath = (name) => !/^\.{1,2}$/.test(name); // browsers take a part `.` or `..` out of a path

/** Return where a task of a run is: its path, and the query that belongs to it. */
export function taskAt(run, task) {
  const runs = `/runs/${encodeURIComponent(run)}`;
  return inPath(task) ? [`${runs}/tasks/${encodeURIComponent(task)}`, {}] : [`${runs}/task`, { task }];
}

/** Return the path of the page of a task, below the root. */
export function taskPath(run, task) {
  const [path, query] = taskAt(run, task);
  return query.task === undefined ? path : `${path}?task=${query.task}`;
}
