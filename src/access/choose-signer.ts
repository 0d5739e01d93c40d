import { SIGNER_NAME } from '../../schemas/signers-file.ts'
import { INVALID_REQUEST, SIGNER_MISMATCH } from '../errors.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import type { Grant } from './grant.ts'
import { findJwts, hasFieldNamingSigner, isJwtForOther, seemsToNameSigner } from './misplaced-signer.ts'
import { MAX_TOKEN_LENGTH, type SigningToken } from './signing-token.ts'
import { holdsToken } from './user-token.ts'

const NAME = new RegExp(`^${SIGNER_NAME}$`)

/** The parts of a request that may name its signer. */
interface SignerRequest {
  /** The signing token as it came, and as it was read. */
  readonly token: string | null | undefined
  readonly signingToken: Pick<SigningToken, 'signer' | 'token'>
  /** The header, which may bring a token too. */
  readonly authorization?: string | undefined
  readonly grant: Pick<Grant, 'signers' | 'subject'>
  /** Name of the signer in the path, which counts for every action. */
  readonly path: string | undefined
  /** Fields of the body, which must not name a signer. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields of the query, which must not name one either. */
  readonly query: Readonly<Record<string, unknown>>
  /** Fields of the request's log line, to which the name of the signer is added. */
  readonly logDetails: Record<string, string>
}

/**
 * Chooses the signer that a request names in its path or its signing token, else the only one that its caller may use, else
 * the default one.
 *
 * @throws INVALID_REQUEST, if there are several signers, for a token or a field
 *   that seems to name one of them in another way; UNKNOWN_SIGNER, SIGNER_MISMATCH
 */
export function chooseSigner(
  request: SignerRequest,
  signers: Pick<Signers, 'has' | 'choose' | 'choices'>,
): Signer {
  const signer = findSigner(request, signers)
  request.logDetails.signer = signer.name
  const { token, signingToken, authorization, grant, path } = request
  const isVerified = grant.subject !== undefined
  const saysNothing = signingToken.signer === undefined && grant.signers === undefined
  const tokens = saysNothing
    ? [...new Set([signingToken.token, authorization, ...findJwts(token ?? '')])]
    : []
  const choices = signers.choices()
  const isMeant = path === undefined || isVerified
  if (isJwtForOther(tokens, signer.name, choices, isMeant)) {
    throw new SIGNER_MISMATCH(
      isVerified
        ? 'signing_token, or Authorization: is, or holds, a JSON Web Token that names another signer, and not in a claim ' +
            'of its own with the name signer; have it issued so'
        : 'signing_token, or Authorization: is, or holds, a JSON Web Token for another signer that is not valid, or that ' +
            'nobody verifies; send a valid one, or name the signer in the path, as /sign/NAME, or beside the token, as ' +
            '{"signer":"NAME","token":"…"}',
    )
  }
  return signer
}

function findSigner(
  { token, signingToken, grant, path, fields, query, logDetails }: SignerRequest,
  signers: Pick<Signers, 'has' | 'choose' | 'choices'>,
): Signer {
  const { signer: named } = signingToken
  const choices = signers.choices()
  const chosenName = named ?? path
  const others = choices.filter((name) => name !== chosenName)
  const hasChoice = choices.length > 0
  if (hasChoice && [fields, query].some((part) => hasFieldNamingSigner(part, others, chosenName))) {
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
    const granted = grant.signers?.length === 1 ? grant.signers[0] : undefined
    return signers.choose(named ?? granted)
  }
  const chosen = signers.choose(path, 'path')
  if (named !== undefined && named !== path) {
    throw new SIGNER_MISMATCH('signing_token: names another signer than the path')
  }
  return chosen
}

/** Refuses a token for which the default signer would sign although another one seems to be meant. */
function refuseMisplaced(token: string, hasChoice: boolean, others: readonly string[]): void {
  if (hasChoice && seemsToNameSigner(token.slice(0, MAX_TOKEN_LENGTH), others)) {
    throw new INVALID_REQUEST(
      'signing_token: seems to name a signer, which only a JSON object does, as {"signer":"NAME"}, sent as a string ' +
        'that was not encoded in any other way',
    )
  }
}

/**
 * Returns the fields of a request's log line that say which signer it names. An unknown name is logged only if it is
 * spelled like that of a signer, and has no token of a user in it: anything else could be a secret in the wrong place.
 */
export function describeAskedSigner(name: string, signers: Pick<Signers, 'has'>): Record<string, string> {
  if (signers.has(name)) {
    return { signer: name }
  }
  return NAME.test(name) && !holdsToken(name) ? { askedSigner: name } : {}
}
