// The command line that does what a button does. What comes from the cluster is quoted for a shell.

const PLAIN = /^[\w@%+=:,./-]+$/;

/** A word as a POSIX shell takes it literally. */
export function quoted(word) {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function line(...parts) {
  return ["garrison", "manager", ...parts.map(quoted)].join(" ");
}

export const commands = {
  pause: () => line("pause"),
  resume: () => line("resume"),
  undo: () => line("undo"),
  plan: () => line("plan"),
  consent: (planId) => line("consent", planId),
  check: (file) => line("plan", file),
  apply: (file) => line("apply", file),
  history: (limit, find) => line("history", "--limit", String(limit), ...(find ? ["--find", find] : [])),
  stop: (jobId) => line("stop", jobId),
  resumeJob: (jobId) => line("resume", jobId),
  move: (source, target, slots) => line("move", slots, "--from", source, "--to", target),
  slow: (address) => `garrison cli ${hostAndPort(address)} SLOWLOG GET 32`,
  bigKeys: (address) => `garrison cli ${hostAndPort(address)} --bigkeys`,
  hotKeys: (address) => `garrison cli ${hostAndPort(address)} --hotkeys`,
  /** With this, the commands above ask the manager that shows the page. */
  where: () => `export GARRISON_MANAGER=${quoted(location.origin)}`,
  start: () => "garrison manager run HOST:PORT",
};

function hostAndPort(address) {
  const colon = address.lastIndexOf(":");
  return `-h ${quoted(address.slice(0, colon).replace(/^\[|\]$/g, ""))} -p ${quoted(address.slice(colon + 1))}`;
}
