import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeNssDatabase } from '../../test/support/validators/nss.ts'
import { startAuthorities } from './authorities.ts'
import { bundlePage } from './bundle.ts'
import { createCertificates } from './certificates.ts'
import type { TrustAnchors } from './judge.ts'
import { pageOrigins, startPageServer } from './page-server.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { SIGNERS, writeSignersFile } from './signers.ts'
import { createDemoToken } from './token.ts'
import { createTokenIssuer, type TokenIssuer } from './tokens.ts'

// This file runs as dist/docker/demo/start.js; the scripts, the page and the sample are not part of the build.
const repository = fileURLToPath(new URL('../../../', import.meta.url))
const scripts = join(repository, 'docker')
const page = join(scripts, 'demo/web')
export const SAMPLE_PDF = join(repository, 'test/support/document-engine/sample.pdf')

/** The server drains what is in flight; its own limit of that is shorter. */
const STOP_GRACE_MS = 15_000

export interface Demo {
  readonly server: ServerProcess
  /** Address of the signing service without a path. */
  readonly service: string
  readonly tokenLabel: string
  readonly tokens: TokenIssuer
  readonly anchors: TrustAnchors
  readonly logFile: string
  /** Serves the page. Returns its address. */
  startPage(): Promise<string>
  stop(): Promise<void>
}

export interface DemoOptions {
  /** Is created; holds all that the demo makes. */
  readonly folder: string
  readonly ports: Readonly<Record<'service' | 'page' | 'authorities', number>>
}

/** Starts the signing service with all that surrounds it. It may not be ready yet. */
export async function startDemo({ folder, ports }: DemoOptions): Promise<Demo> {
  const token = await createDemoToken(folder, scripts)
  const { root } = token.sources
  const authoritiesUrl = `http://127.0.0.1:${ports.authorities}`
  // Two demos at the same time have different ones.
  const own = join(folder, `authorities-${ports.authorities}-not-for-production`)
  await mkdir(own, { recursive: true })
  const certificates = await createCertificates(own, authoritiesUrl, token.sources)
  const signersFile = await writeSignersFile(own, authoritiesUrl, certificates)
  const tokens = await createTokenIssuer(own)
  const authorities = await startAuthorities(ports.authorities, certificates)

  const service = `http://127.0.0.1:${ports.service}`
  const logFile = join(folder, 'server.log')
  const server = startServer({
    script: join(repository, 'dist/bundle/server.js'),
    environment: {
      ...token.environment,
      ...tokens.environment,
      SIGNERS_FILE: signersFile,
      WEB_SDK: 'true',
      CORS_ORIGINS: pageOrigins(ports.page).join(','),
      SIGNING_SERVICE_HOST: '127.0.0.1',
      SIGNING_SERVICE_PORT: String(ports.service),
      LOG_LEVEL: 'info',
    },
    readyUrl: `${service}/health/ready`,
    logFile,
  })
  const nss = join(own, 'nss')
  await rm(nss, { recursive: true, force: true })
  const nssDatabase = await makeNssDatabase(nss, [root.certificateFile])
  const anchors = { nssDatabase, root: root.certificateFile }

  const closing = [() => authorities.close()]
  return {
    ...{ server, service, tokenLabel: token.label, tokens, anchors, logFile },
    async startPage() {
      const pageServer = await startPageServer({
        ...{ port: ports.page, service, signers: SIGNERS, tokens, anchors },
        ...{ folder: page, samplePdf: SAMPLE_PDF, script: bundlePage(page) },
      })
      closing.push(() => pageServer.close())
      return pageServer.url
    },
    async stop() {
      await server.stop(STOP_GRACE_MS)
      await Promise.all(closing.map((close) => close()))
    },
  }
}
