/** Names that European standards give to signatures of each level, so that an operator knows what to claim. */
import type { Level } from './container-configuration.ts'

/**
 * Names of a signature of type `cades` (EN 319 122-1 6.1, EN 319 142-1 6.1), in words. No container alone makes a
 * PAdES-BASELINE-LT signature, which needs a DSS dictionary in the PDF (EN 319 142-1 5.4.2).
 */
export const EUROPEAN_NAMES: Readonly<Record<Level, string>> = {
  'b-b': 'cades is PAdES-BASELINE-B in a PDF, CAdES-BASELINE-B over a file',
  'b-t': 'cades is PAdES-BASELINE-T in a PDF, CAdES-BASELINE-T over a file',
  'b-lt': 'cades is PAdES-BASELINE-T in a PDF until it has a DSS dictionary, CAdES-BASELINE-LT over a file',
}

/** Returns the names of the signers' levels, keyed by level. */
export function nameLevels(
  signers: readonly { readonly container: { readonly level: Level } }[],
): Readonly<Partial<Record<Level, string>>> {
  return Object.fromEntries(signers.map(({ container: { level } }) => [level, EUROPEAN_NAMES[level]]))
}
