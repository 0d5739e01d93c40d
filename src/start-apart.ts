/** Starts the service in processes that have users of their own, and ends as it does. */
import { constants } from 'node:os'
import { type ProcessUsers, readUsers } from './configuration/users.ts'
import { type ConfigurationError, EXIT_CONFIGURATION } from './errors.ts'
import { checkUsers, runParent } from './parent.ts'

/** @param main module that the HTTP process runs */
export async function startApart(main: URL): Promise<void> {
  const { code, signal } = await runParent(await findUsers(main), main)
  if (signal !== null) {
    const logger = await createLogger()
    logger.fatal({ signal }, 'a signal ended the HTTP process, and with it the service')
    process.exit(128 + constants.signals[signal])
  }
  process.exit(code)
}

async function findUsers(main: URL): Promise<ProcessUsers> {
  try {
    const users = readUsers(process.env)
    checkUsers(users, main)
    return users
  } catch (error) {
    const { logProblems } = await import('./configuration/problem.ts')
    logProblems(await createLogger(), 'fatal', (error as ConfigurationError).problems)
    process.exit(EXIT_CONFIGURATION)
  }
}

/** Loads the logger when something is to be said, since root loads nothing that it does not need. */
async function createLogger() {
  const { createLogger } = await import('./common/log-output.ts')
  return createLogger({})
}
