/** How a value is stored; decoded before it becomes a file. */
export type Encoding = 'utf-8' | 'base64' | 'base64url' | 'hex';
