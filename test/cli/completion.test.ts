import { execFileSync } from 'node:child_process'
import t from 'tap'
import { runCommand } from '../support/command.ts'

async function script(shell: string): Promise<string> {
  const { exitCode, stdout } = await runCommand({}, 'completion', shell)
  t.equal(exitCode, 0)
  return stdout
}

t.test('bash completes commands, options and shells', async (t) => {
  const source = await script('bash')
  const complete = (...words: string[]) => {
    const typed = words.map((word) => `'${word}'`).join(' ')
    const ask = `COMP_WORDS=(signing-service ${typed}); COMP_CWORD=${words.length}; _signing_service`
    return execFileSync('bash', ['-c', `${source}\n${ask}; echo "\${COMPREPLY[@]}"`], {
      encoding: 'utf8',
    }).trim()
  }
  t.equal(complete('tok'), 'tokens')
  t.equal(complete('keys', '--token-'), '--token-label --token-serial')
  t.equal(complete('completion', 'z'), 'zsh')
  t.equal(complete('check', '--sig'), '--signer')
  t.equal(complete('sign', '--sig'), '--signer')
  t.equal(complete('certi'), 'certify')
  t.equal(complete('certify', '--ca'), '--ca --ca-cert --ca-key --ca-issuers')
  t.equal(complete('serv'), 'serve')
  t.equal(complete('serve', '--pin'), '--pin-file')
  t.equal(complete('none', '-'), '')
})

t.test('zsh and fish are told what each word is for', async (t) => {
  t.match(await script('zsh'), /^#compdef signing-service\n[\s\S]*'tokens:list the slots/)
  t.match(
    await script('zsh'),
    /\n {4}keys\) candidates=\('--module:PKCS#11 library, in place of HSM_MODULE' /,
  )
  t.match(
    await script('fish'),
    /^complete -c signing-service -n __fish_use_subcommand -f -a tokens -d 'list /,
  )
  t.match(
    await script('fish'),
    "-n '__fish_seen_subcommand_from keys' -l pin-file -d 'file that holds the PIN",
  )
})
