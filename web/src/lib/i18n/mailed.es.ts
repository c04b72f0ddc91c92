// The pages that links in e-mails open, in Spanish: the shape of the other language.

export const mailed = {
	worthless: 'Este enlace ya no sirve: fue usado, caducó o está incompleto. Pida otro.',
	home: 'Ir a DentiCloud',
	working: 'Un momento…',
	verify: {
		title: 'Confirmar su correo',
		lead: 'Confirme que este correo electrónico es suyo.',
		submit: 'Confirmar',
		done: 'Su correo está confirmado. Ya puede iniciar sesión.'
	},
	address: {
		title: 'Confirmar su nuevo correo',
		lead: 'Desde ahora entrará a su cuenta con este correo electrónico.',
		submit: 'Usar este correo',
		done: 'Su cuenta tiene el nuevo correo.'
	},
	forgot: {
		title: 'Olvidé mi contraseña',
		link: '¿Olvidó su contraseña?',
		lead: 'Escriba el correo de su cuenta y le enviaremos un enlace.',
		submit: 'Enviar enlace',
		done: 'Si el correo tiene una cuenta, le llegará un enlace en unos minutos.'
	},
	reset: {
		title: 'Elegir una nueva contraseña',
		password: 'Nueva contraseña',
		hint: 'Al menos 10 caracteres, y no su correo.',
		submit: 'Guardar',
		refused: 'Esa contraseña es demasiado fácil, o el enlace ya no sirve.',
		done: 'Su contraseña es la nueva. Las demás sesiones se cerraron.'
	},
	register: {
		title: 'Crear su cuenta de paciente',
		link: 'Crear una cuenta de paciente',
		lead: 'Con su cuenta verá las citas de todos sus odontólogos.',
		firstName: 'Nombre',
		lastName: 'Apellido',
		dateOfBirth: 'Fecha de nacimiento (opcional)',
		submit: 'Crear cuenta',
		signIn: 'Ya tengo una cuenta',
		refused: 'Revise sus datos: el correo, o una contraseña más larga o menos fácil.',
		done: 'Le enviamos un correo: abra su enlace para confirmar la dirección. Después podrá entrar.'
	},
	invitation: {
		title: 'Invitación',
		lead: '{practice} le invita a trabajar en su consultorio.',
		as: 'Entra como {email}.',
		newcomer: 'Cree su cuenta para aceptar, o inicie sesión si ya tiene una.',
		name: 'Su nombre',
		accept: 'Aceptar',
		reject: 'Rechazar',
		refused: 'Revise el nombre y la contraseña (al menos 10 caracteres).',
		known: 'Ya existe una cuenta con ese correo: inicie sesión para aceptar.',
		accepted: 'Bienvenido: el consultorio ya está en su cuenta.',
		rejected: 'La invitación fue rechazada.'
	},
	record: {
		title: 'Sus citas en línea',
		lead: 'Un consultorio le invita a ver sus citas desde su cuenta.',
		submit: 'Agregar a mi cuenta',
		done: 'Las citas de este consultorio están ahora entre las suyas.'
	},
	question: {
		title: 'Permiso para ver su ficha',
		lead: '{practice} pide ver la ficha de {name}, con sus datos médicos.',
		accept: 'Permitir',
		decline: 'No permitir',
		accepted: 'El consultorio puede ver su ficha.',
		declined: 'El consultorio no verá su ficha.'
	},
	offer: {
		title: 'Una hora para usted',
		lead: 'Los detalles están en el correo que recibió. Quien acepta primero se queda con la hora.',
		accept: 'Aceptar la hora',
		decline: 'Dejarla a otra persona',
		accepted: 'La cita es suya. Le esperamos.',
		declined: 'Gracias por avisar. Sigue en la lista de espera.'
	},
	booking: {
		title: 'Su cita',
		when: 'Cuándo',
		treatment: 'Tratamiento',
		dentist: 'Odontólogo',
		practice: 'Consultorio',
		move: 'Cambiar la hora',
		day: 'Día',
		times: 'Horas libres',
		noTimes: 'No hay horas libres ese día: elija otro.',
		moved: 'La cita tiene su nueva hora.',
		cancel: 'Cancelar la cita',
		late: 'Ya no se puede cambiar ni cancelar en línea: llame al consultorio.',
		cancelled: 'La cita está cancelada.'
	}
};

export type Mailed = typeof mailed;
