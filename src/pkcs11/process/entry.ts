/** Entry point of the signer process: no debugger gets in while the rest is loaded. */
import '../../common/no-debugger.ts'

await import('./main.ts')
