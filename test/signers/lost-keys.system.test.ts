/** Keys that are not what they were, and what becomes of their signers and of others. */
import t from 'tap'
import { health, signerReady, watchfulEnvironment } from '../support/readiness.ts'
import { afterReload, logLines, SERIAL_NUMBER, signsWith } from '../support/reload.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { until } from '../support/signing.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('near')
const nearToo = await folder.addKey('near-too')
const environment = watchfulEnvironment(folder)

t.test('keys of one token', async (t) => {
  folder.write(['near', 'near-too'])
  const service = await startReadyService(t, environment)
  const { url } = service
  const gone = async (name: string) =>
    until(`${name} is missed`, async () => (await signerReady(service, name)) === 0)

  for (const [name, other, what] of [
    ['near-too', 'near', 'a key'],
    ['near', 'near-too', 'the key that sessions are tested with'],
  ] as const) {
    t.test(`${what} is deleted: its signer alone signs no more`, async (t) => {
      await folder.deleteKey(name)
      t.equal(await signsWith(url, name), 'HSM_UNAVAILABLE')
      t.match(await signsWith(url, other), SERIAL_NUMBER)
      await gone(name)
      t.match(await health(service), { statusCode: 200, signers: { [name]: { state: 'unavailable' } } })
      await until('the other one signs', async () => (await signerReady(service, other)) === 1)
      t.equal((await health(service)).statusCode, 200)
      t.equal(await signsWith(url, name), 'HSM_UNAVAILABLE')
      t.match(await signsWith(url, other), SERIAL_NUMBER)
    })

    t.test('while it is missing, nothing is taken over', async (t) => {
      const start = service.log().length
      t.equal(await afterReload(service, () => service.app.reload()), 'refused')
      t.match(
        logLines(service.log().slice(start))
          .filter(({ level }) => level >= 50)
          .map(({ msg }) => msg)
          .join('\n'),
        `SIGNERS_FILE /signers/${name}/key: no private key fits label ${name}; there are: label "${other}"`,
      )
      t.match(await signsWith(url, other), SERIAL_NUMBER)
    })

    t.test('it signs again when it is there again and SIGHUP came', async (t) => {
      await folder.importKey(name)
      t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
      t.match(await signsWith(url, name), SERIAL_NUMBER)
      t.match(await health(service), {
        ...{ statusCode: 200, signers: { [name]: { state: 'ready' }, [other]: { state: 'ready' } } },
      })
    })
  }
})

t.test('a key that may sign no more is no use, and the others are', async (t) => {
  await folder.addKey('decrypts-alone')
  folder.write(['near-too', 'decrypts-alone'])
  const service = await startReadyService(t, environment)
  t.match(await signsWith(service.url, 'decrypts-alone'), SERIAL_NUMBER)
  await folder.forbidSigning('decrypts-alone')
  const noticed = /a key cannot be used: the key does not sign \(CKR_KEY_FUNCTION_NOT_PERMITTED\)/
  await until('it is noticed', async () => {
    await signsWith(service.url, 'decrypts-alone')
    return noticed.test(service.log())
  })
  await until('its signer alone is not ready', async () => {
    const { signers } = await health(service)
    return signers['near-too']?.state === 'ready' && signers['decrypts-alone']?.state === 'unavailable'
  })
  t.equal(await signsWith(service.url, 'near-too'), nearToo.certificate.serialNumber)
  t.equal(await signsWith(service.url, 'decrypts-alone'), 'HSM_UNAVAILABLE')
})
