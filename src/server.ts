/** The process: loads the service once SIGHUP, which a supervisor may send at any time, does not end it any more. */
import './common/no-debugger.ts'
import './common/hang-up.ts'

await import('./service.ts')
