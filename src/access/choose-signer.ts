import type { Configuration } from '../configuration/configuration.ts'
import { INVALID_REQUEST, SIGNER_MISMATCH } from '../errors.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { describeAskedSigner } from './asked-signer.ts'
import { isSignerAmong, isSignerInQuery, seemsToNameSigner } from './misplaced-signer.ts'
import { MAX_TOKEN_LENGTH, readSigningToken } from './signing-token.ts'

/** The names by which a request chooses its signer. */
export interface SignerRequest {
  readonly token: string | null | undefined
  /** The name that stands in the path, which holds for every action. */
  readonly path: string | undefined
  /** Fields of the body, which name no signer. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields of the query, which name none either. */
  readonly query: Readonly<Record<string, unknown>>
  /** Fields of the request's log line, which are told the name in the token. */
  readonly logDetails: Record<string, string>
}

/**
 * Chooses the signer that a request names in its path or its signing token, or the default one.
 *
 * @throws INVALID_REQUEST for a token that can't be read, and where there are several signers for a token or a field that
 *   seems to name one of them in another way; UNKNOWN_SIGNER, SIGNER_MISMATCH
 */
export function chooseSigner(
  { token, path, fields, query, logDetails }: SignerRequest,
  signers: Pick<Signers, 'has' | 'choose' | 'choices'>,
  { signMethods }: Pick<Configuration, 'signMethods'>,
): Signer {
  const { signer: named } = readSigningToken(token, signMethods)
  const choices = signers.choices()
  const chosenName = named ?? path
  const others = choices.filter((name) => name !== chosenName)
  const hasChoice = choices.length > 0
  if (
    isSignerAmong(fields, others) ||
    isSignerAmong(query, others) ||
    (hasChoice && isSignerInQuery(query, chosenName))
  ) {
    throw new INVALID_REQUEST(
      'a field of the body, or of the query, names a signer, which only the path does, as /sign/NAME, and the ' +
        'signing_token, as {"signer":"NAME"}',
    )
  }
  if (named === undefined) {
    refuseMisplaced(token ?? '', hasChoice, others)
  } else if (path === undefined) {
    Object.assign(logDetails, describeAskedSigner(named, signers))
  }
  if (path === undefined) {
    return signers.choose(named)
  }
  const chosen = signers.choose(path, 'path')
  if (named !== undefined && named !== path) {
    throw new SIGNER_MISMATCH('signing_token: names another signer than the path')
  }
  return chosen
}

/** Refuses what would have the default signer sign though another one is meant. */
function refuseMisplaced(token: string, hasChoice: boolean, others: readonly string[]): void {
  if (hasChoice && seemsToNameSigner(token.slice(0, MAX_TOKEN_LENGTH), others)) {
    throw new INVALID_REQUEST(
      'signing_token: seems to name a signer, which only a JSON object does, as {"signer":"NAME"}, sent as a string ' +
        'that was not encoded in any other way',
    )
  }
}
