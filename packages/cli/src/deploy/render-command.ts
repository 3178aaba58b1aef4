import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { discover } from '@copr/openshift/cluster/discover'
import { fileNameOf, yamlOf } from '@copr/openshift/objects/yaml'
import { render } from '@copr/openshift/render/render'
import { FactsFile } from '@copr/openshift/render/facts'
import { CoprError } from '@copr/process/errors'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Io } from '../commands/administer.ts'
import {
  clusterOf,
  type DeploymentOptions,
  readDeployment,
  withImages,
} from './deployment-options.ts'
import { imagesOf } from './images-lock.ts'

interface RenderOptions extends DeploymentOptions {
  out?: string
  facts?: string
}

/** `coprctl render` writes the objects that `coprctl deploy` would apply, except secrets; for example, to keep them in git. */
export function renderCommand(io: Io): Command {
  const command = new Command('render')
    .summary('write the objects of a deployment as YAML')
    .description(
      'Writes what deploy would apply, for review and GitOps. Secrets are not in it: coprctl secrets makes those that are missing.',
    )
    .option('--out <dir>', 'write a file for each object and a kustomization.yaml there')
    .option('--facts <file>', 'read the facts about the cluster from this file instead of its API')
  return withImages(command).action(async (options: RenderOptions) => {
    const read = readDeployment(options)
    const found =
      options.facts === undefined
        ? (await discover(await clusterOf(options), read.vars)).facts
        : readFacts(options.facts)
    const facts = { ...found, images: imagesOf(read.vars, options.images), secret_checksums: {} }
    const objects = render(read.vars, facts)
    if (options.out === undefined) {
      for (const object of objects) io.stdout.write(`---\n${yamlOf(object)}`)
      return
    }
    mkdirSync(options.out, { recursive: true })
    const names = objects.map(fileNameOf)
    for (const [index, object] of objects.entries())
      writeFileSync(join(options.out, names[index] ?? ''), yamlOf(object))
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: names,
    }
    writeFileSync(join(options.out, 'kustomization.yaml'), yamlOf(kustomization))
    io.stderr.write(
      `Wrote ${names.length} objects into ${options.out}; make their secrets with: coprctl secrets\n`,
    )
  })
}

function readFacts(path: string): FactsFile {
  const parsed = FactsFile.safeParse(parse(readFileSync(path, 'utf8')))
  if (parsed.success) return parsed.data
  throw new CoprError('invalid', `Cannot use ${path}:\n${z.prettifyError(parsed.error)}`)
}
