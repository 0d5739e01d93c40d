/** The file that ACCESS_FILE names: who may have something signed, and what. The command `user` writes it. */
import { type Static, Type } from 'typebox'
import { SIGNER_NAME } from './signers-file.ts'

export const MAX_USERS = 10_000
/** Pattern of the names of users, in full. */
export const USER_NAME = '[A-Za-z0-9][A-Za-z0-9._@-]{0,63}'
export const HASH_NAMES = ['sha256', 'sha384', 'sha512', 'sha224', 'sha160'] as const
const base64url = (bytes: number) => `^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$`
const list = { minItems: 1, uniqueItems: true }

const User = Type.Object(
  {
    name: Type.String({
      pattern: `^${USER_NAME}$`,
      description: 'name of the user, which the log has',
      examples: ['contracts-app'],
    }),
    tokenId: Type.String({
      pattern: base64url(9),
      description: 'first part of the token, by which its user is found',
      examples: ['Jm3vQ0s8yTxK'],
    }),
    check: Type.String({
      pattern: '^[A-Za-z0-9_-]{3}$',
      description: 'beginning of the SHA-256 of the token, by which most wrong ones are told',
      examples: ['q3Z'],
    }),
    salt: Type.String({
      pattern: base64url(16),
      description: 'salt of the hash',
      examples: ['3yFvRkqT2mWzXc8bN0aLhQ'],
    }),
    hash: Type.String({
      pattern: base64url(32),
      description: 'scrypt (RFC 7914) of the token, N 4096, r 8, p 1',
      examples: ['mH2v0zq5Yk3c1xT8sWnRfJ7uBdLgE4oAiQpKyVtCz6I'],
    }),
    signers: Type.Optional(
      Type.Array(Type.String({ pattern: `^${SIGNER_NAME}$` }), {
        ...list,
        description: 'signers that the user may use; all by default',
        examples: [['contracts']],
      }),
    ),
    containers: Type.Optional(
      Type.Array(Type.Enum(['raw', 'pkcs7']), {
        ...list,
        description: 'forms of signatures that the user may ask for; both by default',
        examples: [['raw']],
      }),
    ),
    hashAlgorithms: Type.Optional(
      Type.Array(Type.Enum([...HASH_NAMES]), {
        ...list,
        description: 'hash algorithms that the user may use; all that the signer allows by default',
        examples: [['sha256']],
      }),
    ),
    addresses: Type.Optional(
      Type.Array(Type.String(), {
        ...list,
        description: 'addresses and networks that the user may call from; all by default',
        examples: [['10.0.0.0/8']],
      }),
    ),
  },
  { additionalProperties: false, description: 'a user' },
)
export type User = Static<typeof User>

export const AccessFile = Type.Object(
  { users: Type.Array(User, { maxItems: MAX_USERS, description: 'the users', examples: [[]] }) },
  {
    additionalProperties: false,
    description: 'an object with users, as `user add` writes it',
    examples: [{ users: [] }],
  },
)
export type AccessFile = Static<typeof AccessFile>
