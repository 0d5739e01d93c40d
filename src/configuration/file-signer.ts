/** Reads one signer of the signers file. */
import { defined } from '../common/defined.ts'
import { findKeyProblem } from '../x509/key-type.ts'
import { findUnfitAlgorithm } from './algorithm-fit.ts'
import { readFileContainer } from './file-container.ts'
import type { FileContext, FileEntry } from './file-entry.ts'
import { readTokenPart } from './file-token.ts'
import { describePath } from './given-path.ts'
import { findHashAlgorithms } from './lists.ts'
import { problemWith } from './problem.ts'
import type { SignerConfiguration, SignerRules } from './signer-configuration.ts'
import { placeInFile } from './signers-file-schema.ts'
import { warnAboutStatements } from './statement-warnings.ts'

/** Reads a signer. The result is complete if no problem was found. */
export function readFileSigner(entry: FileEntry, context: FileContext): SignerConfiguration {
  const { name, signatureAlgorithm: algorithm } = entry
  const { folder, readCertificates, problems } = context
  const settingOf = (property: string) => placeInFile(`/signers/${name}/${property}`)
  const certificateFile = describePath(entry.certificateFile, folder)
  const caFile = describePath(entry.caFile, folder)
  const certificates = certificateFile && readCertificates(settingOf('certificateFile'), certificateFile)
  const caCertificates = (caFile && readCertificates(settingOf('caFile'), caFile)) ?? []
  const [leaf] = certificates ?? []
  // A key that cannot sign at all is reported elsewhere
  if (leaf !== undefined && algorithm !== undefined && findKeyProblem(leaf) === undefined) {
    const unfit = findUnfitAlgorithm(leaf.publicKey, algorithm)
    problems.push(
      ...(unfit === undefined ? [] : [problemWith(settingOf('signatureAlgorithm'), unfit, algorithm)]),
    )
  }
  const { settings, ...token } = readTokenPart(entry, settingOf, context)
  const rules = readRules(entry, settingOf('hashAlgorithms'), context)
  context.warnings.push(...warnAboutStatements(entry, rules, settingOf))
  return {
    name,
    ...token,
    rules,
    container: readFileContainer(entry, settingOf, context),
    caCertificates,
    settings: {
      ...settings,
      certificate: settingOf('certificateFile'),
      caCertificates: settingOf('caFile'),
      ...defined({ certificatePath: certificateFile?.shown, caPath: caFile?.shown }),
      algorithm: settingOf('signatureAlgorithm'),
      hashAlgorithms: entry.hashAlgorithms === undefined ? 'HASH_ALGORITHMS' : settingOf('hashAlgorithms'),
    },
    ...defined({ algorithm, certificates }),
  }
}

function readRules(
  entry: FileEntry,
  setting: string,
  { hashAlgorithms, rawSigning, problems }: FileContext,
): SignerRules {
  return {
    containers: entry.containers ?? ['raw', 'pkcs7'],
    signatureTypes: entry.signatureTypes ?? ['cms', 'cades'],
    hashAlgorithms:
      entry.hashAlgorithms === undefined
        ? hashAlgorithms
        : findHashAlgorithms(setting, entry.hashAlgorithms, problems),
    minimumDaysLeft: entry.minimumDaysLeft ?? 0,
    raw: entry.raw ?? false,
    rawSigning: entry.rawSigning ?? rawSigning,
  }
}
