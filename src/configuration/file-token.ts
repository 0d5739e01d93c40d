/** Reads token, login and key of one signer of the signers file. The environment provides those that it leaves out. */

import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { FileEntry, TokenContext } from './file-entry.ts'
import { isReadable, warnAboutMode } from './files.ts'
import { describePath, describeSecretPath, type GivenPath } from './given-path.ts'
import { type Pkcs11Uri, parsePkcs11Uri } from './pkcs11-uri.ts'
import { problemWith } from './problem.ts'
import type { KeySelector, SettingNames, TokenAccess, TokenSelector } from './signer-configuration.ts'
import type { SettingOf } from './signers-file-schema.ts'
import { readSlot, SETTINGS } from './single-signer.ts'

interface TokenPart {
  readonly access: TokenAccess
  readonly key: KeySelector
  readonly settings: Omit<
    SettingNames,
    'certificate' | 'caCertificates' | 'certificatePath' | 'caPath' | 'algorithm' | 'hashAlgorithms'
  >
}

/** Reads token, login and key. The result is complete if no problem was found. */
export function readTokenPart(entry: FileEntry, settingOf: SettingOf, context: TokenContext): TokenPart {
  const { problems } = context
  const { uri, valid } = readUri(entry, settingOf('key'), problems)
  problems.push(...findDuplicates(entry, uri, settingOf))
  const { module: _, moduleParameters, pinFile: __, slot, ...named } = entry.token ?? {}
  const selector = { ...named, ...(slot === undefined ? {} : { slot: readSlot(String(slot)) }) }
  const module = readPath('module', entry, uri, settingOf, context)
  const pinFile = readPath('pinFile', entry, uri, settingOf, context)
  if (pinFile?.readable) {
    warnAboutMode(pinFile.setting, pinFile.path, context.warnings)
  }
  const own = { ...uri.token, ...selector }
  const isOwn = module !== undefined || Object.keys(own).length > 0
  const place = Object.keys(selector).length > 0 || entry.token?.module !== undefined ? 'token' : 'key'
  // A wrong entry is refused, so that the environment need not have what the entry seems to lack
  const inherit = <T>(get: () => T) => (entry.isValid && valid ? get() : (undefined as T))
  return {
    access: {
      ...(module === undefined ? inherit(context.library) : { module: module.path }),
      ...defined({ moduleParameters }),
      token: isOwn ? own : context.token,
      pin: pinFile === undefined ? inherit(context.pin) : { file: pinFile.path },
    },
    key: readKey(entry, uri),
    settings: {
      module: module?.setting ?? 'HSM_MODULE',
      pin: pinFile?.setting ?? 'HSM_PIN_FILE',
      token: isOwn ? settingOf(place) : 'HSM_TOKEN_LABEL',
      tokenParts: isOwn ? nameParts(own, selector, settingOf) : SETTINGS.tokenParts,
      key: settingOf('key'),
      tokenChoice: 'token.label, token.serial or token.slot of the signer',
      keyChoice:
        typeof entry.key === 'string'
          ? "object or id in the URI of the signer's key"
          : 'key.label or key.id of the signer',
    },
  }
}

/** Returns the setting of each part of a selector: a property of the signer's token, or the URI of its key. */
function nameParts(
  selector: TokenSelector,
  ofToken: TokenSelector,
  settingOf: SettingOf,
): SettingNames['tokenParts'] {
  const name = (part: string) => settingOf(part in ofToken ? `token/${part}` : 'key')
  return Object.fromEntries(Object.keys(selector).map((part) => [part, name(part)]))
}

/** Reads the URI of the key; returns an empty one if the key is given otherwise. */
function readUri(
  { key }: FileEntry,
  setting: string,
  problems: ConfigurationProblem[],
): { uri: Pkcs11Uri; valid: boolean } {
  const nothing = { token: {}, key: {} }
  try {
    return { uri: typeof key === 'string' ? parsePkcs11Uri(key) : nothing, valid: true }
  } catch (error) {
    problems.push(problemWith(setting, (error as Error).message))
    return { uri: nothing, valid: false }
  }
}

function readKey({ key }: FileEntry, uri: Pkcs11Uri): KeySelector {
  if (typeof key !== 'object') {
    return uri.key
  }
  return key.id === undefined ? key : { ...key, id: key.id.toLowerCase() }
}

/** Refuses properties that stand both in the URI and in the token, even if they are equal. */
function findDuplicates(
  { token = {} }: FileEntry,
  { token: { label, serial }, module, pinFile }: Pkcs11Uri,
  settingOf: SettingOf,
): ConfigurationProblem[] {
  const ofUri = [
    ['module', 'module-path', module, token.module],
    ['label', 'token', label, token.label],
    ['serial', 'serial', serial, token.serial],
    ['pinFile', 'pin-source', pinFile, describeSecretPath(token.pinFile)?.shown],
  ] as const
  return ofUri
    .filter(([property, , value]) => value !== undefined && token[property] !== undefined)
    .map(([property, attribute, , shown]) => {
      const message = `is given in the URI of the key too, as ${attribute}; leave it out of one of the two`
      return problemWith(settingOf(`token/${property}`), message, shown)
    })
}

function readPath(
  property: 'module' | 'pinFile',
  { token }: FileEntry,
  uri: Pkcs11Uri,
  settingOf: SettingOf,
  { folder, problems }: TokenContext,
): (GivenPath & { setting: string; readable: boolean }) | undefined {
  const given = token?.[property] ?? uri[property]
  if (given === undefined) {
    return undefined
  }
  const file = property === 'pinFile' ? describeSecretPath(given, folder) : describePath(given, folder)
  const setting = settingOf(token?.[property] === undefined ? 'key' : `token/${property}`)
  return { ...file, setting, readable: isReadable(setting, file, problems) }
}
