package catalog

// DescribesAtOnce is describesAtOnce, for the tests outside of this package.
const DescribesAtOnce = describesAtOnce
