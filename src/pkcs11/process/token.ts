import { type Module, type Slot, type Token, TokenFlag } from 'graphene-pk11'
import { listSome, quote } from '../../common/quote.ts'
import type { TokenSelector } from '../../configuration/signer-configuration.ts'
import { describeFailure } from '../return-values.ts'
import { misconfigured, unavailable } from './open-error.ts'

/** A slot with a token, and its index in the slot list. */
export interface Candidate {
  readonly index: number
  readonly slot: Slot
  readonly token: Token
}

interface UnreadableSlot {
  readonly index: number
  /** The call and what it returned. */
  readonly error: string
}

/**
 * Finds the one initialized token that fits everything the selector names.
 *
 * @throws OpenError that lists the tokens there are: `unavailable` when none fits, since it may appear, and
 *   `configuration` when several do
 */
export function selectToken(module: Module, selector: TokenSelector): Candidate {
  const slots = readSlots(module)
  const present = slots.filter((slot) => 'token' in slot).filter(isInitialized)
  const fitting = present.filter((candidate) => fits(candidate, selector))
  const [first, second] = fitting
  if (first === undefined) {
    const mistaken = describeMistakenSlot(present, selector)
    if (mistaken !== undefined && typeof selector.slot === 'string' && present.length > 0) {
      throw misconfigured('slot', `${mistaken}; ${describeTokens(present)}`, 'there is no such slot')
    }
    const message = [
      describeMissing(selector),
      ...(mistaken === undefined ? [] : [mistaken]),
      describeTokens(present),
      ...slots.filter((slot) => 'error' in slot).map(describeUnreadable),
    ].join('; ')
    throw unavailable(message, 'the token is not present')
  }
  if (second !== undefined) {
    throw misconfigured(
      'token',
      `several tokens fit, tell them apart by label, serial or slot; ${describeTokens(fitting)}`,
      'several tokens fit the configuration',
    )
  }
  return first
}

/** Says which token is missing, such as `no token fits label hsm1`. */
function describeMissing(selector: TokenSelector): string {
  const wanted = Object.entries(selector).map(([part, value]) => `${part} ${quote(`${value}`)}`)
  return wanted.length === 0 ? 'no token is present' : `no token fits ${wanted.join(', ')}`
}

/** Returns what a number is that was given for the index of a slot, where it looks like the id of one. */
function describeMistakenSlot(
  present: readonly Candidate[],
  { slot: given }: TokenSelector,
): string | undefined {
  const meant = present.find(({ slot }) => readSlotId(slot.handle) === String(given))
  if (meant !== undefined) {
    return `${given} is the id of a slot, not its index in the slot list, which is ${meant.index}: set ${meant.index}`
  }
  return typeof given === 'string'
    ? `${given} is no index in the slot list, which begins with 0, and no slot has this id`
    : undefined
}

function fits({ index, slot, token }: Candidate, selector: TokenSelector): boolean {
  const found: Required<TokenSelector> = {
    label: token.label,
    serial: token.serialNumber,
    manufacturer: token.manufacturerID,
    model: token.model,
    slot: index,
    slotId: readSlotId(slot.handle),
  }
  return Object.entries(selector).every(([name, wanted]) => found[name as keyof TokenSelector] === wanted)
}

/** CK_SLOT_ID in decimal: pkcs11js gives its 8 bytes in this machine's order, as does the array read them. */
function readSlotId(handle: Buffer): string {
  return String(new BigUint64Array(Uint8Array.from(handle).buffer)[0])
}

/** Reads all slots with a token, in their order. One token that fails must not keep the others from being used. */
export function readSlots(module: Module): (Candidate | UnreadableSlot)[] {
  const slots = module.getSlots(true)
  return Array.from({ length: slots.length }, (_, index) => {
    try {
      const slot = slots.items(index)
      return { index, slot, token: slot.getToken() }
    } catch (error) {
      const { call, returnValue } = describeFailure(error)
      return { index, error: `${call} ${returnValue}` }
    }
  })
}

function isInitialized({ token }: Candidate): boolean {
  return (token.flags & TokenFlag.TOKEN_INITIALIZED) !== 0
}

function describeUnreadable({ index, error }: UnreadableSlot): string {
  return `slot ${index} cannot be read (${error})`
}

function describeTokens(tokens: readonly Candidate[]): string {
  if (tokens.length === 0) {
    return 'there are no initialized tokens'
  }
  const describe = ({ index, token }: Candidate) =>
    `label ${JSON.stringify(token.label)} serial ${token.serialNumber} slot ${index}`
  return `there are: ${listSome(tokens, describe)}`
}
