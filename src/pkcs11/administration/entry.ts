/** Entry point of the process that works on a token for the command line: no debugger gets in while the rest is loaded. */
import '../../common/no-debugger.ts'

await import('./main.ts')
