/**
 * Checks what others have made and the service is built from: signatures of the registry, known vulnerabilities,
 * licences, and the bill of materials. What cannot be asked, since the registry is away or has no such address, is said,
 * and is no failure; whatever is wrong is one.
 */
import { spawnSync } from 'node:child_process'
import { createSbom, findUnnamed } from './sbom.mjs'

/** SPDX identifiers of the licences that a production dependency may have. None asks more than to be named. */
const LICENCES = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT']

/** Codes of errors with which nobody has answered. */
const AWAY =
  /^(EAI_AGAIN|ECONN\w+|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ERR_SOCKET_TIMEOUT|ESOCKETTIMEDOUT|ETIMEDOUT)$/
/** Codes and statuses of a registry that does not have what it is asked for. */
const MISSING = /^(E?404|E?405|E?501)$/

/** Npm's message if no registry that packages came from has keys for signatures. */
const WITHOUT_KEYS = 'found no dependencies to audit that were installed from a supported registry'

let failed = false

function report(what, verdict, details = []) {
  failed ||= verdict === 'WRONG'
  console.log([`${verdict.padEnd(10)}${what}`, ...details].join('\n          '))
}

/** Runs npm, and returns what it prints as JSON, errors too. */
function ask(...args) {
  const limits = ['--fetch-retries=1', '--fetch-timeout=30000']
  const options = { encoding: 'utf8', maxBuffer: 100_000_000 }
  const { stdout } = spawnSync('npm', [...args, '--json', ...limits], options)
  return JSON.parse(stdout)
}

/** Reports that npm has no verdict: nobody could be asked, or something is wrong with the answer. */
function reportSilence(what, code, message) {
  const isSilent = AWAY.test(code) || MISSING.test(code) || message.includes(WITHOUT_KEYS)
  report(what, isSilent ? 'not asked' : 'WRONG', [message])
}

function checkSignatures() {
  const what = 'registry signatures of all installed packages'
  const { invalid, missing, error } = ask('audit', 'signatures')
  if (error !== undefined) {
    return reportSilence(what, `${error.code}`, error.summary)
  }
  const wrong = [
    ...invalid.map(({ name, version }) => `${name}@${version} has a wrong one`),
    ...missing.map(({ name, version }) => `${name}@${version} has none`),
  ]
  report(what, wrong.length === 0 ? 'in order' : 'WRONG', wrong)
}

function checkVulnerabilities() {
  const what = 'known vulnerabilities of production dependencies, high and critical'
  const { vulnerabilities, message, statusCode, error } = ask('audit', '--omit=dev')
  if (vulnerabilities === undefined) {
    // A connection that fails has its code in the message alone
    const code = statusCode ?? error?.code ?? /\bE[A-Z_]+\b/.exec(message)?.[0]
    return reportSilence(what, `${code}`, message ?? error?.summary)
  }
  const grave = Object.values(vulnerabilities).filter(({ severity }) => /^(high|critical)$/.test(severity))
  report(
    what,
    grave.length === 0 ? 'in order' : 'WRONG',
    grave.map(({ name, severity, range }) => `${name} ${range}: ${severity}`),
  )
}

function checkLicences({ components }) {
  const wrong = components.filter(
    ({ licenses = [] }) => !licenses.some(({ license }) => LICENCES.includes(license?.id)),
  )
  report(
    `licences of production dependencies: ${LICENCES.join(', ')}`,
    wrong.length === 0 ? 'in order' : 'WRONG',
    wrong.map(({ name, version, licenses }) => `${name}@${version}: ${JSON.stringify(licenses)}`),
  )
}

function checkSbom(sbom) {
  const unnamed = findUnnamed(sbom)
  report(
    `bill of materials, which names ${sbom.components.length} production dependencies`,
    unnamed.length === 0 ? 'in order' : 'WRONG',
    unnamed.map((one) => `it does not name ${one}`),
  )
}

const sbom = createSbom()
checkSbom(sbom)
checkLicences(sbom)
checkVulnerabilities()
checkSignatures()
process.exit(failed ? 1 : 0)
