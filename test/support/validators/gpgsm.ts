/** GnuPG's S/MIME implementation, which shares no code with the others: libksba and libgcrypt. */
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Verification } from './openssl.ts'
import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

export function hasGpgsm(): boolean {
  return ['gpgsm', 'gpgconf'].every((command) => spawnSync(command, ['--version']).status === 0)
}

export class Gpgsm {
  readonly #home: string

  /** @param trustAnchors paths of PEM files with one certificate each */
  constructor(trustAnchors: readonly string[]) {
    // Not below a test's folder: the path of its agent's socket may have 107 bytes
    this.#home = mkdtempSync(join(tmpdir(), 'gpgsm-'))
    const fingerprints = trustAnchors.map((path) => new X509Certificate(readFileSync(path)).fingerprint)
    writeFileSync(join(this.#home, 'trustlist.txt'), fingerprints.map((one) => `${one} S\n`).join(''))
    // Nobody is there to be asked whether to trust another root
    writeFileSync(join(this.#home, 'gpg-agent.conf'), 'no-allow-mark-trusted\n')
    // No network, and no process that would use it
    writeFileSync(join(this.#home, 'gpgsm.conf'), 'disable-crl-checks\ndisable-dirmngr\n')
  }

  /** Verifies a detached CMS: message digest, signature, and chain to an anchor. */
  verify(cms: Uint8Array, content: Uint8Array): Promise<Verification> {
    return withTemporaryFiles({ cms, content }, async (path) => {
      const { exitCode, stdout, stderr } = await runTool('gpgsm', [
        ...['--homedir', this.#home, '--batch', '--no-tty', '--status-fd', '1'],
        ...['--verify', path.cms, path.content],
      ])
      const said = (keyword: string) => stdout.includes(`[GNUPG:] ${keyword} `)
      return {
        valid: exitCode === 0 && said('GOODSIG') && said('TRUST_FULLY'),
        message: complaints(stderr),
      }
    })
  }

  /** Ends the agent that gpgsm has started, and removes its files. */
  async close(): Promise<void> {
    await runTool('gpgconf', ['--homedir', this.#home, '--kill', 'gpg-agent'])
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** What it says beside what it says of every signature. */
function complaints(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^gpgsm: */, ''))
  const usual = /^$|^(Signature made|using|CRLs not checked|Good signature|DBG:) ?/
  return lines.filter((line) => !usual.test(line)).join('; ')
}
