/** Checks that elements are DER in all depths, as those have to be that others encode anew before they verify a signature. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DerReader } from './der-reader.ts'
import { checkPrimitive } from './primitive.ts'
import { CONSTRUCTED, TAG } from './tag.ts'

/** Elements that are read in one turn of the event loop. A thousand take about a millisecond. */
const ELEMENTS_PER_TURN = 1_000
/** Elements around one another. Those of a CRL have eight. */
const MAX_DEPTH = 32

/**
 * Finds what is not DER (X.690 10, 11) in an element and all those in it, in words. It does not look into an OCTET STRING, which nobody
 * encodes anew.
 *
 * @param element with its tag and length, or several
 * @param limit elements that are looked at, rounded up to thousands
 */
export function findEncodingFlaw(element: Buffer, limit = Number.POSITIVE_INFINITY): string | undefined {
  try {
    const turns = readAll(element)
    for (let count = 0; count < limit && turns.next().done !== true; count += ELEMENTS_PER_TURN) {}
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Does the same, and lets other work run in between. */
export async function findEncodingFlawInTurns(element: Buffer): Promise<string | undefined> {
  try {
    const turns = readAll(element)
    while (turns.next().done !== true) {
      await nextTurn()
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * Reads an element and all those in it, and yields after each turn.
 *
 * @throws Error when one of them is not DER
 */
function* readAll(element: Buffer): Generator<void> {
  const open = [new DerReader(element)]
  for (let count = 1; open.length > 0; count++) {
    step(open)
    if (count % ELEMENTS_PER_TURN === 0) {
      yield
    }
  }
}

/**
 * Checks the next element of the innermost reader, and adds a reader of its content if it is made of others.
 *
 * @throws Error when it is not DER
 */
function step(open: DerReader[]): void {
  const reader = open.at(-1) as DerReader
  const { tag } = reader
  if (tag === undefined) {
    open.pop()
    return
  }
  const element = reader.element()
  checkPrimitive(element)
  if ((tag & CONSTRUCTED) !== 0) {
    if (tag === TAG.set && !isSortedSet(element)) {
      throw new Error('it is no DER: the elements of a SET OF are in another order')
    }
    if (open.length === MAX_DEPTH) {
      throw new Error(`it has elements in more than ${MAX_DEPTH} others`)
    }
    open.push(DerReader.enterOnly(element, tag))
  }
}

/**
 * Returns whether the elements of a SET OF stand in the order that DER demands (X.690 11.6), in which some verifiers put them
 * before they verify a signature over them.
 *
 * @param set DER but for the order
 */
export function isSortedSet(set: Buffer): boolean {
  return areSorted(DerReader.enterOnly(set, TAG.set).elements())
}

/** Returns whether elements stand in the order that DER demands of a SET OF (X.690 11.6). */
export function areSorted(elements: readonly Buffer[]): boolean {
  return elements.every((element, index) => Buffer.compare(elements[index - 1] ?? element, element) <= 0)
}
