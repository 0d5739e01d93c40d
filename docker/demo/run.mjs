// `npm run demo`: prepares a fresh clone, then runs the demonstration, which is TypeScript and so needs the build.
import { prepareOrExit } from '../prepare.mjs'

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(`Signs a sample PDF three ways with a key on a SoftHSM token, validates the signatures, and keeps serving: a page
on which you sign PDFs of your own in a browser, and the signing service.

Usage: npm run demo -- [options]

  --once        exit after the validation: 0 if all three signatures are valid, 1 otherwise
  --port PORT   of the signing service (6080, or a free one if that is taken)
  --help

Installs what is missing (dependencies, SoftHSM, OpenSC, OpenSSL, poppler, NSS, p11-kit). Everything it makes is in
.demo/ and not for production; delete that folder to start afresh.`)
} else {
  await prepareOrExit({ tools: true })
  const { demo } = await import('../../dist/docker/demo/demo.js')
  process.exitCode = await demo(args)
}
