/** Reads how a token is reached: its library, what selects it, and where its PIN is. */
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { describeFile, isReadable } from './files.ts'
import { findPin } from './pin.ts'
import { type Findings, problemWith } from './problem.ts'
import type { LibraryConfiguration, PinSource, TokenAccess, TokenSelector } from './signer-configuration.ts'
import { fromVariables, type SignerDocument } from './signer-document.ts'
import { readSignersFile } from './signers-file.ts'
import { dropUnset, type Variables, validate } from './variables.ts'

/** Stands for the PIN of a signer whose configuration says nowhere, or not rightly, where that is. Its other files are watched all the same. */
const NO_PIN: PinSource = { variable: 'HSM_PIN' }

/** Reads how a signer's token is reached. The result is complete if no problem was found. */
export function readTokenAccess(
  document: SignerDocument,
  findings: Parameters<typeof findPin>[1],
): TokenAccess {
  return {
    ...readLibrary(document, findings.problems, findings.apart),
    token: readSelector(document),
    pin: findPin(document, findings) ?? NO_PIN,
  }
}

/**
 * Returns how all tokens of the configuration are reached, where each process has a user of its own. Problems are the
 * HTTP process's to tell. No file is looked at but the signers file: a PIN may be on a disk that hangs.
 */
export function listTokens(environment: Variables = process.env): TokenAccess[] {
  const findings: Findings = {
    ...{ problems: [], warnings: [], files: new Map(), authorities: new Map() },
    apart: true,
  }
  const listing = { ...findings, looksAtFiles: false }
  const values = validate(dropUnset(environment, []), [])
  const documents =
    values.SIGNERS_FILE === undefined
      ? [fromVariables(values, [])]
      : readSignersFile(values, findings).documents
  return documents.map((document) => readTokenAccess(document, listing))
}

/**
 * Reads the path of the library and its parameters. If it is missing, adds a problem and returns an empty path.
 *
 * @param apart true if another user loads it, who alone has to be able to read it
 */
export function readLibrary(
  { settings: { token }, isValid, placeOf }: SignerDocument,
  problems: ConfigurationProblem[],
  apart = false,
): LibraryConfiguration {
  const { moduleParameters } = token
  const place = placeOf('token/module')
  const file = describeFile(place, token.module)
  if (file === undefined) {
    // The part of a wrong entry that was meant for it may be what is wrong
    if (isValid) {
      problems.push(problemWith(place.setting, 'is required'))
    }
  } else if (!apart) {
    isReadable(file, problems)
  }
  return { module: file?.path ?? '', ...defined({ moduleParameters }) }
}

/** Largest number that is read as an index of a slot. Slot ids can be larger, and exceed 2^53. */
const MAX_SLOT_INDEX = 65_535

/** Reads what selects the token. */
export function readSelector({ settings: { token } }: SignerDocument): TokenSelector {
  const { label, serial, manufacturer, model, slot, slotId } = token
  return defined({
    label,
    serial,
    manufacturer,
    model,
    slot: slot === undefined ? undefined : readSlot(slot),
    slotId,
  })
}

function readSlot(slot: number | string): number | string {
  const number = BigInt(slot)
  return number > MAX_SLOT_INDEX ? number.toString() : Number(number)
}
