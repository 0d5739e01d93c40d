/** Builds and checks the configuration of one signer's containers. */
import { COMMITMENT_TYPES, SignerEntry } from '../../schemas/signers-file.ts'
import type { SignaturePolicy } from '../cms/signed-attributes.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ContainerConfiguration, Level, TimestampConfiguration } from './container-configuration.ts'
import { findHashAlgorithms } from './lists.ts'
import { type Findings, isVariable, problemWith } from './problem.ts'
import type { SignerRules } from './signer-configuration.ts'
import type { SignerDocument, SignerSettings } from './signer-document.ts'
import { describeExpected, placeInFile } from './signers-file-schema.ts'
import { listTimestamps, readAuthorities } from './timestamp-authorities.ts'

/** Most bytes that Document Engine reserves for a container. */
const MAX_ESTIMATED_SIZE = 262_144

/** Reads the settings of a signer's containers. The result is complete if no problem was found. */
export function readContainer(
  document: SignerDocument,
  revocationCheck: boolean,
  findings: Findings,
): ContainerConfiguration {
  const { level, containerSizeLimit, rsaSignatureIdentifier, timestampFallback, revocationFallback } =
    document.settings as Required<SignerSettings>
  const authorities = readAuthorities(document, findings) as unknown as TimestampConfiguration['authorities']
  if (document.isValid) {
    checkLevel(document, revocationCheck, findings)
  }
  if (containerSizeLimit > MAX_ESTIMATED_SIZE) {
    findings.warnings.push(
      `${document.placeOf('containerSizeLimit').setting}: is more than the ${MAX_ESTIMATED_SIZE} bytes that Document ` +
        "Engine's estimatedSize can be; larger containers fit into none of its documents",
    )
  }
  return {
    ...{ level, sizeLimit: containerSizeLimit, rsaSignatureIdentifier, revocationFallback },
    ...(level === 'b-b' ? {} : { timestamps: { authorities, fallback: timestampFallback } }),
    ...defined({
      policy: readPolicy(document, findings.problems),
      commitmentType: findCommitmentType(document.settings),
      location: document.settings.signerLocation,
    }),
  }
}

/** Finds settings that a level needs and that are missing. */
function checkLevel(
  document: SignerDocument,
  revocationCheck: boolean,
  { problems, warnings }: Findings,
): void {
  const { settings, placeOf } = document
  const { level = 'b-b' } = settings
  if (level === 'b-b') {
    return
  }
  const { setting: levelSetting } = placeOf('level')
  const authorities = listTimestamps(document)
  const unanchored = authorities.filter((authority) => authority.settings.caFile === undefined)
  const isMissing = authorities.every((authority) => authority.settings.url === undefined)
  if (isMissing) {
    problems.push(describeMissingAuthority(document, level))
  }
  if (level === 'b-lt') {
    const missing =
      'is required for level b-lt: without trust anchors nobody could tell what is missing of the chain'
    // This is reported beside a missing TSA_URL too, so that one start shows both
    if (!isMissing || isVariable(levelSetting)) {
      problems.push(
        ...unanchored.map((authority) => problemWith(authority.placeOf('caFile').setting, missing)),
      )
    }
    if (!revocationCheck) {
      const wrong = 'is b-lt, which needs revocation information, but REVOCATION_CHECK is off'
      problems.push(problemWith(levelSetting, wrong))
    }
  } else if (!isMissing) {
    const warning =
      "is not set: whoever answers at the authority's address is believed; name its root certificate"
    warnings.push(...unanchored.map((authority) => `${authority.placeOf('caFile').setting}: ${warning}`))
  }
}

/** Describes what is missing in the terms of the place where the level is given. */
function describeMissingAuthority({ name, placeOf }: SignerDocument, level: Level): ConfigurationProblem {
  if (!isVariable(placeOf('level').setting)) {
    const expected = describeExpected(SignerEntry.properties.timestamps as object)
    const choice = level === 'b-lt' ? ' with caFile, or TSA_URL with TSA_CA_FILE' : ', or TSA_URL'
    const wrong = `is required for level ${level}${choice}: ${expected}`
    return problemWith(placeInFile(`/signers/${name}/timestamps`), wrong)
  }
  return problemWith('TSA_URL', `is required for LEVEL=${level}`)
}

function readPolicy(
  { settings: { signaturePolicy: policy }, placeOf }: SignerDocument,
  problems: ConfigurationProblem[],
): SignaturePolicy | undefined {
  if (policy === undefined) {
    return undefined
  }
  const { id, hashAlgorithm: name, uri } = policy
  const { setting } = placeOf('signaturePolicy/hashAlgorithm')
  const [hashAlgorithm] = findHashAlgorithms(setting, [name], problems)
  if (hashAlgorithm === undefined) {
    return undefined
  }
  const hash = Buffer.from(policy.hash, 'hex')
  if (hash.length !== hashAlgorithm.digestLength) {
    const wrong = `has ${hash.length} bytes, but hashes with ${hashAlgorithm.name} have ${hashAlgorithm.digestLength}`
    problems.push(problemWith(placeOf('signaturePolicy/hash').setting, wrong))
  }
  return { id, hash, hashAlgorithm, ...defined({ uri }) }
}

/** Arc of the commitment types, of which id-cti-ets-proofOfOrigin is the first (RFC 5126 5.11.1). */
const COMMITMENT_TYPE_ARC = '1.2.840.113549.1.9.16.6'

/** Returns the object identifier of the commitment type. */
function findCommitmentType({ commitmentType }: SignerSettings): string | undefined {
  const number = COMMITMENT_TYPES.indexOf(`${commitmentType}`) + 1
  return number === 0 ? commitmentType : `${COMMITMENT_TYPE_ARC}.${number}`
}

type Statement = 'signaturePolicy' | 'commitmentType' | 'signerLocation'

/**
 * Entries of the PDF's signature dictionary that PAdES does not allow beside a statement (EN 319 142-1 6.3). Document
 * Engine writes them as its signatureMetadata says. EU DSS reports PAdES-BES and PDF-NOT-ETSI for the first two, and
 * ignores the third.
 */
const STATEMENT_WARNINGS: Readonly<Record<Statement, string>> = {
  signaturePolicy:
    'with it a signature has no PAdES baseline level in a PDF that gives its Reason, too (EN 319 142-1 6.3); leave out ' +
    "Document Engine's signatureReason",
  commitmentType:
    'with it a signature is no PAdES in a PDF that gives its Reason, too (EN 319 142-1 6.3); leave out ' +
    "Document Engine's signatureReason",
  signerLocation:
    "PAdES does not allow that the PDF gives the signature's Location, too (EN 319 142-1 6.3); leave out " +
    "Document Engine's signatureLocation",
}

/** Warns of each statement of a signer that makes containers of type `cades`, which alone have statements. */
export function warnAboutStatements(
  { settings, placeOf }: SignerDocument,
  { containers, signatureTypes }: SignerRules,
): string[] {
  if (!containers.includes('pkcs7') || !signatureTypes.includes('cades')) {
    return []
  }
  const stated = (Object.keys(STATEMENT_WARNINGS) as Statement[]).filter(
    (name) => settings[name] !== undefined,
  )
  return stated.map((name) => `${placeOf(name).setting}: ${STATEMENT_WARNINGS[name]}`)
}
