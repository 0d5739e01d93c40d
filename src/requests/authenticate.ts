import type { FastifyRequest } from 'fastify'
import type { Access } from '../access/access.ts'
import { checkAddress, type Grant } from '../access/grant.ts'
import { describeRefusal } from '../access/jwt.ts'
import type { SigningToken } from '../access/signing-token.ts'
import { defined } from '../common/defined.ts'
import { ACCESS_UNAVAILABLE } from '../errors.ts'

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
 * signs with the same token. A token that is missing or not valid is for none.
 *
 * @throws ACCESS_UNAVAILABLE
 */
export async function findSigners(
  request: Pick<FastifyRequest, 'headers' | 'logDetails' | 'client'>,
  signingToken: SigningToken,
  access: Pick<Access, 'authenticate'>,
): Promise<Pick<Grant, 'signers' | 'subject'>> {
  return readGrant(request, signingToken, access).catch((error) => {
    if (error instanceof ACCESS_UNAVAILABLE) {
      throw error
    }
    return {}
  })
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
