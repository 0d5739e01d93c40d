/** Warns of statements in signatures that rule out entries of the PDF's signature dictionary. */
import type { SignerEntry } from '../../schemas/signers-file.ts'
import type { SignerRules } from './signer-configuration.ts'
import type { SettingOf } from './signers-file-schema.ts'

type Statement = 'signaturePolicy' | 'commitmentType' | 'signerLocation'

/**
 * Entries that PAdES does not allow beside a statement (EN 319 142-1 6.3). Document Engine writes them as its
 * signatureMetadata says. EU DSS reports PAdES-BES and PDF-NOT-ETSI for the first two, and ignores the third.
 */
const WARNINGS: Readonly<Record<Statement, string>> = {
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

/**
 * Warns of each statement of a signer that makes containers of type `cades`, which alone have statements.
 */
export function warnAboutStatements(
  entry: SignerEntry,
  { containers, signatureTypes }: SignerRules,
  settingOf: SettingOf,
): string[] {
  if (!containers.includes('pkcs7') || !signatureTypes.includes('cades')) {
    return []
  }
  const stated = (Object.keys(WARNINGS) as Statement[]).filter((name) => entry[name] !== undefined)
  return stated.map((name) => `${settingOf(name)}: ${WARNINGS[name]}`)
}
