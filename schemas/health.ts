import { type Static, Type } from 'typebox'

export const LiveReply = Type.Object({ status: Type.Literal('live') })
export type LiveReply = Static<typeof LiveReply>

/** States of a token, and of a signer whose key does not sign. */
const HSM_STATES = [
  Type.Literal('starting'),
  Type.Literal('ready'),
  Type.Literal('unavailable'),
  Type.Literal('pin refused'),
  Type.Literal('misconfigured'),
  Type.Literal('closing'),
] as const

/** Whether the service is about to end; the state of the token and of each signer, and since when; whether the certificates are valid. Without secrets: anybody who reaches the service may read it. */
export const ReadyReply = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
  closing: Type.Boolean({
    description: 'The service was told to end: it still signs, and takes no requests before long',
  }),
  hsm: Type.Object(
    {
      state: Type.Union([...HSM_STATES], {
        description: 'ready: logged in, and the last test signature verified',
      }),
      since: Type.String({ format: 'date-time' }),
      reason: Type.Optional(Type.String()),
      sessions: Type.Object({
        opening: Type.Integer(),
        idle: Type.Integer(),
        busy: Type.Integer(),
        zombie: Type.Integer(),
      }),
      queued: Type.Integer(),
    },
    { description: 'The token of the default signer, or of the first one where there is no default' },
  ),
  certificate: Type.Object(
    {
      valid: Type.Boolean({ description: 'Every certificate of the chain is inside its validity period' }),
      notAfter: Type.Optional(Type.String({ format: 'date-time', description: 'The earliest of the chain' })),
    },
    { description: 'That of the same signer' },
  ),
  signers: Type.Record(
    Type.String({ description: 'Name of the signer, as metrics have it' }),
    Type.Object({
      state: Type.Union(
        [
          ...HSM_STATES,
          Type.Literal('certificate not valid'),
          Type.Literal('revoked'),
          Type.Literal('timestamp authority away'),
          Type.Literal('revocation information missing'),
        ],
        { description: 'ready: the next request will be signed' },
      ),
      since: Type.String({ format: 'date-time' }),
      reason: Type.Optional(Type.String()),
      token: Type.String({ description: 'Name of its token, as metrics have it' }),
      certificate: Type.Optional(
        Type.Object({
          notAfter: Type.String({ format: 'date-time', description: 'The earliest of its chain' }),
        }),
      ),
    }),
  ),
  access: Type.Object({
    kind: Type.Union([Type.Literal('open'), Type.Literal('tokens'), Type.Literal('jwt')], {
      description: 'open: everybody who reaches the service may have something signed',
    }),
    reason: Type.Optional(Type.String({ description: 'Why no token can be verified' })),
  }),
  configuration: Type.Object({
    since: Type.String({ format: 'date-time', description: 'When the signers in use were taken over' }),
    reload: Type.Optional(
      Type.Object(
        {
          outcome: Type.Union(
            [Type.Literal('taken over'), Type.Literal('pending'), Type.Literal('refused')],
            { description: 'pending: it was refused for what may pass, and is tried again by itself' },
          ),
          at: Type.String({ format: 'date-time' }),
          reason: Type.Optional(
            Type.String({ description: 'Why it is pending or refused; the log has the details' }),
          ),
        },
        { description: 'The last try to take over a changed configuration' },
      ),
    ),
  }),
})
export type ReadyReply = Static<typeof ReadyReply>
