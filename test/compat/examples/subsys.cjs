// "Invoke an arbitrary subsystem" of ssh2's 0.8 documentation; the module, the address, the credentials and the subsystem
// come as arguments.
var Client = require(process.argv[2]).Client;

var xmlhello = '<?xml version="1.0" encoding="UTF-8"?>' +
               '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">' +
               '    <capabilities>' +
               '		<capability>urn:ietf:params:netconf:base:1.0</capability>' +
               '    </capabilities>' +
               '</hello>]]>]]>';

var conn = new Client();
conn.on('ready', function() {
  console.log('Client :: ready');
  conn.subsys(process.argv[4] || 'netconf', function(err, stream) {
    if (err) throw err;
    stream.on('data', function(data) {
      console.log(data);
    }).write(xmlhello);
  });
}).connect(require('./arguments.cjs'));
