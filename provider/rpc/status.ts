import type { ServiceError } from '@grpc/grpc-js';
import { type KeymountError, statusNumber } from '../errors.ts';
import { failureText } from '../mount/failure.ts';

/**
 * A failure as the driver gets it: a gRPC status with one line of text. Never `MountResponse.error`, of which the driver (v1.6.0)
 * shows the code alone.
 */
export function toStatus(error: KeymountError): Pick<ServiceError, 'code' | 'details'> {
  // grpc-js throws on half a surrogate pair, and a class can have one: objectName: "\ud800".
  return { code: statusNumber[error.status], details: failureText(error).toWellFormed() };
}
