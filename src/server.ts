/** Starts the process. The service is loaded last, so that an early SIGHUP of a supervisor does not end the process. */
import './common/no-debugger.ts'
import './common/hang-up.ts'

await import('./service.ts')
