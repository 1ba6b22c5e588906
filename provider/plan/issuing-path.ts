/**
 * The mount of a path at which Vault and OpenBao issue certificates, `pki` of `pki/issue/web` or `/v1/pki/issuer/ca/sign/web`, or
 * undefined. What is issued there is taken back at `<mount>/revoke`.
 * https://developer.hashicorp.com/vault/api-docs/secret/pki#revoke-certificate
 */
export function issuingMount(address: string): string | undefined {
  const path = address.replace(/^\/v1\//, '').split('?', 1)[0] ?? '';
  const issuing = /^(.+?)\/(?:issuer\/[^/]+\/)?(?:(?:issue|sign|sign-verbatim)\/[^/]+|sign-verbatim)$/;
  return issuing.exec(path)?.[1];
}
