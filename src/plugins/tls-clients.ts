import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import fp from 'fastify-plugin'
import type { TlsClients } from '../configuration/tls.ts'
import { NOT_ALLOWED } from '../errors.ts'
import { describeSubject, findInvalidity, type ValidityPeriod, validityPeriod } from '../x509/validity.ts'

/** A client whose certificate was verified when its connection began. */
interface Client {
  readonly validity: readonly [ValidityPeriod]
  /** The name of TLS_CLIENT_NAMES that it has, or else its subject; for the log. */
  readonly name: string
  /** True if the client may have something signed. */
  readonly mayCall: boolean
}

/**
 * Refuses requests of clients whose name is not one of TLS_CLIENT_NAMES, before their body is read. Probes and metrics
 * are for all whom the authorities of TLS_CLIENT_CA_FILE have certified.
 */
export const tlsClients = fp<Pick<TlsClients, 'names'>>(
  async (app, { names }) => {
    const clients = new WeakMap<Socket, Client>()

    /** Returns the client of a connection; undefined if that is not one of TLS. */
    function identify(socket: Socket): Client | undefined {
      const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
      const client = certificate && describeClient(certificate, names)
      if (client !== undefined) {
        clients.set(socket, client)
      }
      return client
    }

    app.addHook('onRequest', (request, reply, done) => {
      const { socket } = request.raw
      const client = clients.get(socket) ?? identify(socket)
      if (client !== undefined) {
        request.logDetails.tlsClient = client.name
        if (findInvalidity(client.validity, new Date()) !== undefined) {
          reply.header('connection', 'close')
          throw new NOT_ALLOWED(
            'The TLS certificate of this caller has expired; connect anew with a renewed one',
          )
        }
      }
      if (client?.mayCall !== true && request.routeOptions.config.probe !== true) {
        throw new NOT_ALLOWED('The TLS certificate of this caller has no name that may call')
      }
      done()
    })
  },
  { name: 'tls-clients', dependencies: ['connections', 'request-log'] },
)

/** Compares the names of a certificate as those of hosts (RFC 9525 6.3), without wildcards. */
function describeClient(certificate: X509Certificate, names: readonly string[]): Client {
  // OpenSSL looks at the subject only where the certificate has no DNS name
  const name = names.find((one) => certificate.checkHost(one, { subject: 'default', wildcards: false }))
  return {
    validity: [validityPeriod(certificate)],
    name: name ?? describeSubject(certificate),
    mayCall: names.length === 0 || name !== undefined,
  }
}
