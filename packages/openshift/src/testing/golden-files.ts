import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { yamlOf } from '../objects/yaml.ts'
import {
  applyDifference,
  differenceBetween,
  parseDifference,
  textOfDifference,
} from './rendering-difference.ts'

/** A folder with renderings. A rendering is stored completely (`NAME.yaml`) or as the differences from another one (`NAME.diff.yaml`). */
export interface GoldenFolder {
  url: URL
  /** Whether files are written before they are compared; a reviewer looks at the change. */
  isUpdate: boolean
}

export function requireComplete(folder: GoldenFolder, name: string, objects: KubeObject[]): void {
  const text = objects.map((object) => `---\n${yamlOf(object)}`).join('')
  requireText(folder, `${name}.yaml`, text)
}

/** Compares a rendering's difference from its base with the file. In an update, the file of the base must already be up to date. */
export function requireDifference(
  folder: GoldenFolder,
  name: string,
  base: string,
  objects: KubeObject[],
): void {
  const rendering = JSON.parse(JSON.stringify(objects)) as KubeObject[]
  const difference = differenceBetween(goldenObjects(folder, base), rendering)
  requireText(folder, `${name}.diff.yaml`, textOfDifference(base, difference))
  // The rendering must follow from the base and the file alone.
  assert.deepEqual(goldenObjects(folder, name), rendering)
}

/** Fails if the folder contains any other files, because no test would read them. */
export function requireNoOthers({ url }: GoldenFolder, files: string[]): void {
  const others = readdirSync(url).filter((file) => !files.includes(file))
  assert.deepEqual(others, [], `Delete ${others.join(', ')} from ${url.pathname}: no test reads it`)
}

function goldenObjects(folder: GoldenFolder, name: string): KubeObject[] {
  if (existsSync(new URL(`${name}.yaml`, folder.url)))
    return parseAllDocuments(read(folder, `${name}.yaml`)).map((each) => each.toJS() as KubeObject)
  const { base, ...difference } = parseDifference(read(folder, `${name}.diff.yaml`))
  return applyDifference(goldenObjects(folder, base), difference)
}

function requireText(folder: GoldenFolder, file: string, text: string): void {
  if (folder.isUpdate) writeFileSync(new URL(file, folder.url), text)
  assert.equal(text, read(folder, file))
}

function read({ url }: GoldenFolder, file: string): string {
  const path = new URL(file, url)
  if (!existsSync(path))
    throw new Error(
      `Cannot compare with ${path.pathname}: it is missing; UPDATE_GOLDEN=1 writes it`,
    )
  return readFileSync(path, 'utf8')
}
