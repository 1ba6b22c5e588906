// Stands for axios in the bundle. node-vault touches it only where it is given no transport; keymount always gives one.
module.exports = {
  create() {
    throw new Error('node-vault was made without a transport');
  },
};
