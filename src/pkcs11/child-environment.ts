/** Each user's processes can read the environment that a child was started with: no secret goes there. */
const SECRETS = ['HSM_PIN', 'TSA_PASSWORD']

/** Returns this process's environment without secrets, for processes that work on a token. They get the PIN by IPC. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !SECRETS.includes(name))
  return Object.fromEntries(entries)
}
