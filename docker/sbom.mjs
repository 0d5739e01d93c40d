/**
 * Prints what the service is made of: a software bill of materials (CycloneDX, JSON) of its production dependencies, as
 * they are installed. `npm sbom --omit=dev` leaves out those that tests need in another version, too, and does not work
 * where the others are not installed: hence all are asked for, and those for development taken out.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** Returns the bill; the current directory is that of package.json. */
export function createSbom() {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application']
  const all = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 100_000_000 }))
  const components = all.components.filter(({ properties }) => !isForDevelopment(properties))
  const kept = new Set([all.metadata.component, ...components].map((component) => component['bom-ref']))
  const dependencies = all.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }))
  // npm names it after the directory
  all.metadata.component.name = JSON.parse(readFileSync('package.json', 'utf8')).name
  return { ...all, components, dependencies }
}

function isForDevelopment(properties) {
  return properties.some(({ name }) => name === 'cdx:npm:package:development')
}

/** Returns the production dependencies of the lockfile that a bill does not name. */
export function findUnnamed({ components }) {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const named = new Set(components.map(({ name, version }) => `${name}@${version}`))
  return Object.entries(packages)
    .filter(([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true)
    .map(([path, { name, version }]) => `${name ?? path.replace(/^.*node_modules\//, '')}@${version}`)
    .filter((one) => !named.has(one))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const sbom = createSbom()
  const unnamed = findUnnamed(sbom)
  if (unnamed.length > 0) {
    console.error(`The bill of materials does not name ${unnamed.join(', ')}`)
    process.exit(1)
  }
  console.log(JSON.stringify(sbom, null, 2))
}
