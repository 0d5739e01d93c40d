/**
 * Starts the process. The service is loaded last: a supervisor may send SIGHUP early, and must not end the process by
 * it.
 */
import './common/no-debugger.ts'
import './common/hang-up.ts'

await import('./service.ts')
