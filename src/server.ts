/** Starts the process. The service is loaded last, so that an early SIGHUP of a supervisor does not end the process. */
import './common/no-debugger.ts'
import './common/hang-up.ts'
import './common/young-generation.ts'

const { hasUsers } = await import('./configuration/users.ts')
const { APART } = await import('./pkcs11/messages.ts')
if (hasUsers(process.env) && process.argv[2] !== APART) {
  const { startApart } = await import('./start-apart.ts')
  // It ends this process
  void startApart(new URL(import.meta.url))
} else {
  await import('./service.ts')
}
