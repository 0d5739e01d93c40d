import type { FastifyRequest } from 'fastify'
import type { Access } from '../access/access.ts'
import { checkAddress, type Grant } from '../access/grant.ts'
import { describeRefusal } from '../access/jwt.ts'
import type { SigningToken } from '../access/signing-token.ts'
import { tokenIdOf } from '../access/user-token.ts'
import { defined } from '../common/defined.ts'
import { ACCESS_UNAVAILABLE, SIGNING_TOKEN_INVALID } from '../errors.ts'

/**
 * Finds out who makes a request, and notes it for the log.
 *
 * @throws SIGNING_TOKEN_MISSING, SIGNING_TOKEN_INVALID, ACCESS_UNAVAILABLE; NOT_ALLOWED for an address of which the caller
 *   may not call
 */
export async function authenticate(
  request: Pick<FastifyRequest, 'headers' | 'ip' | 'logDetails' | 'client'>,
  signingToken: SigningToken,
  access: Pick<Access, 'authenticate'>,
): Promise<Grant> {
  const grant = await readGrant(request, signingToken, access)
  Object.assign(request.logDetails, defined({ subject: grant.subject }))
  checkAddress(grant, request.ip)
  return grant
}

/**
 * Returns for which signers the token of a request is that needs none. Its certificates have to be those of the signer that
 * signs with the same token. One that is missing is for none, and so is one that is not valid, unless it is spelled like the token
 * of a user: it may be valid where, or when, the signature is asked for, and be for another signer than the default one.
 *
 * @throws ACCESS_UNAVAILABLE, SIGNING_TOKEN_INVALID
 */
export async function findSigners(
  request: Pick<FastifyRequest, 'headers' | 'logDetails' | 'client'>,
  signingToken: SigningToken,
  access: Pick<Access, 'authenticate'>,
): Promise<Pick<Grant, 'signers' | 'subject'>> {
  return readGrant(request, signingToken, access).catch((error) => {
    const isOfUser = error instanceof SIGNING_TOKEN_INVALID && bringsUserToken(request, signingToken)
    if (error instanceof ACCESS_UNAVAILABLE || isOfUser) {
      throw error
    }
    return {}
  })
}

function bringsUserToken(
  { headers: { authorization = '' } }: Pick<FastifyRequest, 'headers'>,
  { token }: SigningToken,
): boolean {
  return [token, authorization.split(' ').at(-1)].some((one) => tokenIdOf(`${one}`) !== undefined)
}

/** Verifies the token of a request, and notes for the log why one is not valid. The caller, who may be a stranger, is not told. */
async function readGrant(
  {
    headers: { authorization },
    logDetails,
    client,
  }: Pick<FastifyRequest, 'headers' | 'logDetails' | 'client'>,
  signingToken: SigningToken,
  access: Pick<Access, 'authenticate'>,
): Promise<Grant> {
  return access.authenticate({ signingToken, authorization, client: client ?? undefined }).catch((error) => {
    Object.assign(logDetails, defined({ reason: describeRefusal(error) }))
    throw error
  })
}
