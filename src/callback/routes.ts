import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { CallbackBody } from '../../schemas/callback.ts'
import type { Configuration } from '../config.ts'
import type { SigningKey } from '../signers/signing-key.ts'
import type { CallbackContext } from './context.ts'
import { describeCertificates } from './get-certificates.ts'
import { classify } from './request.ts'
import { signContainer } from './sign-container.ts'
import { signRaw } from './sign-raw.ts'

export interface CallbackOptions {
  readonly configuration: Configuration
  readonly signingKey: SigningKey
}

/** The callback of Document Engine, on each of the configured paths. */
export const callback: FastifyPluginAsyncTypebox<CallbackOptions> = async (
  app,
  { configuration, signingKey },
) => {
  // The router takes a path with and without a slash at its end for the same
  for (const url of new Set(configuration.paths.map((path) => path.replace(/\/+$/, '') || '/'))) {
    app.post(url, { schema: { body: CallbackBody } }, async (request, reply) => {
      const context: CallbackContext = {
        configuration,
        signingKey,
        options: {
          deadline: request.arrivedAt + configuration.hsm.timeoutMs,
          signal: whenClientLeaves(reply),
        },
      }
      const asked = classify(request.body)
      request.logDetails.kind = asked.kind
      return answer(request.body, asked, context, reply)
    })
  }
}

async function answer(
  body: CallbackBody,
  asked: ReturnType<typeof classify>,
  context: CallbackContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  switch (asked.kind) {
    case 'certificates':
      return reply.send(describeCertificates(context.signingKey.signer()))
    case 'raw':
      return sendOctets(reply, await signRaw(body, asked.data, context))
    case 'container':
      return sendOctets(reply, await signContainer(body, asked, context))
    case 'encoded-contents': {
      const container = await signContainer(body, asked, context)
      return reply.send({ p7: container.toString('base64') })
    }
  }
}

function sendOctets(reply: FastifyReply, octets: Uint8Array): FastifyReply {
  return reply.type('application/octet-stream').send(octets)
}

/** A request whose client has gone gives up its place in the queue. */
function whenClientLeaves(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) {
      controller.abort()
    }
  })
  return controller.signal
}
