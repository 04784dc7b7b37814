// Not from the documentation: writes a file as the documentation's server wants it, and asks for one that it has not.
var Client = require(process.argv[2]).Client;

var conn = new Client();
conn.on('ready', function() {
  conn.sftp(function(err, sftp) {
    if (err) throw err;
    sftp.writeFile('/tmp/foo.txt', 'content', function(err) {
      if (err) throw err;
      console.log('written');
      sftp.readFile('/tmp/other', function(err) {
        console.log(err.message, err.code);
        conn.end();
      });
    });
  });
}).connect(require('./arguments.cjs'));
