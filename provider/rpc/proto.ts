import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './gen/service.ts';

const name = 'proto/provider/v1alpha1/service.proto';
/** Beside the bundle, or two folders up from here in the sources. */
const places = [`./${name}`, `../../${name}`].map((place) => fileURLToPath(new URL(place, import.meta.url)));

/** The driver's service, `v1alpha1.CSIDriverProvider`, from its own proto file. */
export function loadProto(): ProtoGrpcType['v1alpha1']['CSIDriverProvider'] {
  const file = places.find(existsSync) ?? places[0] ?? name;
  const definition = loadSync(file, { defaults: true, longs: Number });
  return (loadPackageDefinition(definition) as unknown as ProtoGrpcType).v1alpha1.CSIDriverProvider;
}
