/** Reads the settings of containers of one signer of the signers file. Variables provide those that it leaves out. */
import { COMMITMENT_TYPES, type SignerEntry, type Timestamps } from '../../schemas/signers-file.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignaturePolicy } from '../cms/signed-attributes.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { buildContainer, findLevelProblems, warnAboutLevel } from './container.ts'
import type { ContainerConfiguration } from './container-configuration.ts'
import type { FileContext, FileEntry } from './file-entry.ts'
import { describePath, describeSecretPath } from './given-path.ts'
import { findHashAlgorithms } from './lists.ts'
import { problemWith } from './problem.ts'
import type { SettingOf } from './signers-file-schema.ts'
import { readAuthorities } from './timestamp-authorities.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** Arc of the commitment types, of which id-cti-ets-proofOfOrigin is the first (RFC 5126 5.11.1). */
const COMMITMENT_TYPE_ARC = '1.2.840.113549.1.9.16.6'

/** Reads the settings of a signer's containers. The result is complete if no problem was found. */
export function readFileContainer(
  entry: FileEntry,
  settingOf: SettingOf,
  context: FileContext,
): ContainerConfiguration {
  const settings = {
    ...context.containers,
    ...defined({
      level: entry.level,
      sizeLimit: entry.containerSizeLimit,
      rsaSignatureIdentifier: entry.rsaSignatureIdentifier,
      timestampFallback: entry.timestampFallback,
      revocationFallback: entry.revocationFallback,
      authorities: readTimestamps(entry, settingOf, context),
      policy: readPolicy(entry, settingOf('signaturePolicy'), context.problems),
      commitmentType: findCommitmentType(entry),
      location: entry.signerLocation,
    }),
  }
  if (entry.isValid) {
    const own = {
      timestamps: settingOf('timestamps'),
      hasAuthorities: entry.timestamps !== undefined,
      hasCaFiles: [entry.timestamps ?? []].flat().every(({ caFile }) => caFile !== undefined),
      ...(entry.level !== undefined && { level: settingOf('level') }),
    }
    addProblems(findLevelProblems(settings, own), context.problems)
    const known = new Set(context.warnings)
    context.warnings.push(...warnAboutLevel(settings, own).filter((warning) => !known.has(warning)))
  }
  return buildContainer(settings)
}

/** Adds problems, except those of variables that another signer has added before. */
function addProblems(found: readonly ConfigurationProblem[], problems: ConfigurationProblem[]): void {
  const isKnown = (problem: ConfigurationProblem) =>
    problems.some(({ variable, message }) => variable === problem.variable && message === problem.message)
  problems.push(...found.filter((problem) => !isKnown(problem)))
}

function readTimestamps(
  { timestamps }: SignerEntry,
  settingOf: SettingOf,
  context: FileContext,
): readonly TimestampAuthority[] | undefined {
  if (Array.isArray(timestamps)) {
    return timestamps.flatMap((one, index) => readAuthority(one, settingOf(`timestamps/${index}`), context))
  }
  return timestamps && readAuthority(timestamps, settingOf('timestamps'), context)
}

function readAuthority(
  { url, user, passwordFile, policy, hashAlgorithm = 'sha256', caFile, tls }: Timestamps,
  place: string,
  context: FileContext,
): TimestampAuthority[] {
  const { folder } = context
  const files = tls && {
    ...defined({
      caFile: describePath(tls.caFile, folder),
      certificateFile: describePath(tls.certificateFile, folder),
      keyFile: describeSecretPath(tls.keyFile, folder),
    }),
  }
  const described = {
    ...{ urls: [url], hashAlgorithm },
    ...defined({
      user,
      policy,
      passwordFile: describeSecretPath(passwordFile, folder),
      caFile: describePath(caFile, folder),
      tls: files,
    }),
  }
  const settings = {
    url: `${place}/url`,
    user: `${place}/user`,
    passwordFile: `${place}/passwordFile`,
    caFile: `${place}/caFile`,
    tls: {
      caFile: `${place}/tls/caFile`,
      certificateFile: `${place}/tls/certificateFile`,
      keyFile: `${place}/tls/keyFile`,
    },
    credentials: 'user and passwordFile',
  }
  return readAuthorities(described, settings, context)
}

function readPolicy(
  { signaturePolicy: policy }: SignerEntry,
  place: string,
  problems: ConfigurationProblem[],
): SignaturePolicy | undefined {
  if (policy === undefined) {
    return undefined
  }
  const { id, hashAlgorithm: name, uri } = policy
  const [hashAlgorithm] = findHashAlgorithms(`${place}/hashAlgorithm`, [name], problems)
  const hash = Buffer.from(policy.hash, 'hex')
  if (hashAlgorithm !== undefined && hash.length !== hashAlgorithm.digestLength) {
    const wrong = `has ${hash.length} bytes, but hashes with ${hashAlgorithm.name} have ${hashAlgorithm.digestLength}`
    problems.push(problemWith(`${place}/hash`, wrong))
  }
  return { ...{ id, hash, hashAlgorithm: hashAlgorithm as HashAlgorithm }, ...defined({ uri }) }
}

/** Returns the object identifier of the commitment type. */
function findCommitmentType({ commitmentType }: SignerEntry): string | undefined {
  const number = COMMITMENT_TYPES.indexOf(`${commitmentType}`) + 1
  return number === 0 ? commitmentType : `${COMMITMENT_TYPE_ARC}.${number}`
}
