import type { BlockList } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { checkAddress, type Grant } from '../access/grant.ts'
import { Client } from '../common/client.ts'
import { defined } from '../common/defined.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import type { Signer } from '../signers/signer.ts'
import { type JsonBodyOptions, jsonBody } from './body/json-body.ts'
import { EventLoopTurns } from './event-loop-turns.ts'

export interface IntakeOptions extends JsonBodyOptions {
  /** Networks that may ask; absent if all may. */
  readonly accessFrom: BlockList | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request has waited for its turn. */
    hadTurn: boolean
  }
}

/** The turns of all requests. Bodies have turns of their own, so that requests do not wait for them. */
const TURNS = new EventLoopTurns()

/** Calls back when it is the turn of a request, unless its client leaves before. */
export function waitForTurn(request: FastifyRequest, { raw }: FastifyReply, begin: () => void): void {
  request.hadTurn = true
  raw.once('close', () => TURNS.forget(begin))
  TURNS.begin(begin)
}

/** Takes the requests of its scope in: checks where each comes from, has it wait for its turn, and reads its body. */
export const intake = fp<IntakeOptions>(
  async (app, { accessFrom, ...bodies }) => {
    // This comes first, since bodies arrive while requests wait for their turn
    await app.register(jsonBody, bodies)
    const callers = defined({ addresses: accessFrom })
    app.addHook('onRequest', (request, reply, done) => {
      checkAddress(callers, request.ip)
      waitForTurn(request, reply, done)
    })
  },
  { name: 'intake' },
)

/** Begins the work for the client of a request, whose place in the queue is given up when it leaves. */
export function beginWork(request: Pick<FastifyRequest, 'client'>, { raw }: FastifyReply): Client {
  const client = new Client()
  request.client = client
  raw.on('close', () => {
    if (!raw.writableFinished) {
      client.leave()
    }
  })
  return client
}

interface Work {
  readonly client: Client
  /** Time in ms from the arrival of the whole request until its deadline. */
  readonly timeoutMs: number
  readonly grant: Pick<Grant, 'subject'>
  readonly signer: Pick<Signer, 'name'>
}

/** Creates the options of the signature that a request asks for, whose body has been read: how long that took is not the HSM's fault. */
export function createSignOptions(
  { bodyReader, trace }: Pick<FastifyRequest, 'bodyReader' | 'trace'>,
  { client, timeoutMs, grant, signer }: Work,
): SignOptions {
  // Signers that share a token take turns if callers are not known
  const owner = grant.subject ?? signer.name
  return { deadline: (bodyReader.arrivedAt as number) + timeoutMs, client, owner, ...(trace && { trace }) }
}
